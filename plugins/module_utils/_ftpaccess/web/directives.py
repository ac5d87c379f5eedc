# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The class of AllowOverride that a directive needs in a .htaccess, as the documentation of Apache 2.4 has it."""

from __future__ import annotations

ANY = "any"

_CLASSES = {
    "AuthConfig": """
        allowmethods authbasicauthoritative authbasicfake authbasicprovider authbasicusedigestalgorithm authdbmgroupfile authdbmtype
        authdbmuserfile authdigestalgorithm authdigestdomain authdigestnoncelifetime authdigestprovider authdigestqop authformprovider
        authgroupfile authldapurl authldapbinddn authmerging authname authtype authuserfile anonymous require satisfy session
        sessioncookiename sessionmaxage sslcipherssuite sslrenegbuffersize sslrequire sslrequiressl sslusername sslverifyclient
        sslverifydepth <requireall <requireany <requirenone authzsendforbiddenonfailure
    """,
    "FileInfo": """
        acceptpathinfo action addcharset adddefaultcharset addencoding addhandler addinputfilter addlanguage addoutputfilter
        addoutputfilterbytype addtype browsermatch browsermatchnocase cgipassauth cookiename cookietracking defaultlanguage enablemmap
        enablesendfile errordocument fileetag forcelanguagepriority forcetype header languagepriority modmimeusepathinfo
        multiviewsmatch passenv qualifyredirecturl redirect redirectmatch redirectpermanent redirecttemp removecharset
        removeencoding removehandler removeinputfilter removelanguage removeoutputfilter removetype requestheader rewritebase rewritecond
        rewriteengine rewriteoptions rewriterule setenv setenvif setenvifexpr setenvifnocase sethandler setinputfilter setoutputfilter
        substitute unsetenv
    """,
    "Indexes": """
        addalt addaltbyencoding addaltbytype adddescription addicon addiconbyencoding addiconbytype defaulticon directorycheckhandler
        directoryindex directoryindexredirect directoryslash expiresactive expiresbytype expiresdefault fallbackresource headername
        indexheadinsert indexignore indexignorereset indexoptions indexorderdefault indexstylesheet metadir metafiles metasuffix readmename
    """,
    "Limit": "allow deny order",
    "Options": "checkspelling checkcaseonly contentdigest filterchain filterdeclare filterprotocol filterprovider options php_flag"
    " php_value ssloptions xbithack",
    ANY: """
        <else <elseif <files <filesmatch <if <ifdefine <ifdirective <iffile <ifmodule <ifsection <ifversion <limit <limitexcept
        logiotrackttfb
    """,
    # They are for the configuration of the server only.
    "": """
        accessfilename alias allowoverride allowoverridelist customlog documentroot errorlog include includeoptional listen loadmodule
        loglevel php_admin_flag php_admin_value
        rewritemap scriptalias serveradmin serveralias servername user group proxypass <directory <directorymatch <location
        <locationmatch <virtualhost
    """,
}
NEEDS = {name: group for group, text in _CLASSES.items() for name in text.split()}
"""The class by the directive in lower case; empty for one that no .htaccess may have. Directives of other modules are missing."""
